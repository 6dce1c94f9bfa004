import { Search } from "./search";

export default function Page() {
  return (
    <main>
      <h1>Bicycle care</h1>
      <Search />
    </main>
  );
}
