export default {
  transform: {},
  setupFiles: ["./setup.js"],
  testEnvironmentOptions: { customExportConditions: ["node"] },
};
