// A server component: importing the package on the server is safe.
import { CrossrankError } from "crossrank";
import Search from "./search.js";

export default function Page() {
  return <Search error={CrossrankError.name} />;
}
