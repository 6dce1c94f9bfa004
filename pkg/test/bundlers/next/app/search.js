"use client";

import { Reranker } from "crossrank";
import { useEffect } from "react";
import { rankWith } from "../../rank.js";

export default function Search({ error }) {
  useEffect(() => {
    globalThis.rank = rankWith(Reranker);
  }, []);
  return <p>{error}</p>;
}
