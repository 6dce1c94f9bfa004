import { useHistory } from "@docusaurus/router";
import { useEffect, useRef } from "react";

export default function SearchBar() {
  const element = useRef(null);
  const history = useHistory();
  useEffect(() => {
    const follow = (event) => {
      event.preventDefault();
      history.push(event.detail.url.slice(location.origin.length));
    };
    const { current } = element;
    current.addEventListener("crossrank-select", follow);
    return () => current.removeEventListener("crossrank-select", follow);
  }, [history]);
  return <crossrank-search ref={element} />;
}
