// Ready sets for the playground: a query with documents. The home page shows the first one.

import { gardens, lighthouses, sourdough } from "./long-documents.js";

export const SETS = [
  {
    id: "refunds",
    name: "Help pages of a shop",
    query: "how do I get my money back",
    split: "lines",
    documents: [
      "To change your plan, open Settings and pick another one. You can change back at any time.",
      "My account shows your balance, the money that you have spent and the cards that you can use.",
      "Refunds: within 30 days of a purchase you get the full price back, whatever the reason.",
      "If a payment fails, we try it again after three days. Change the card before then in Settings.",
      "Get a copy of your data with Export, and put it back with Import.",
      "Cancelling ends a subscription with the month that is paid for. Nothing is charged after that.",
      "Gift cards hold money for three years. They cannot be exchanged for cash.",
      "Damaged parcels: send us a photo within two weeks, and we replace what is broken.",
    ],
  },
  {
    id: "moon",
    name: "Facts about the Moon",
    query: "why do we always see the same side of the moon",
    split: "lines",
    documents: [
      "The Moon turns once on its axis in the time that it takes to travel once around the Earth.",
      "The far side was photographed for the first time in 1959, by the probe Luna 3.",
      "A new moon stands between the Earth and the Sun, so that we see its night side.",
      "Tides rise on both sides of the Earth because the Moon pulls more strongly on the nearer one.",
      "Over millions of years, tidal forces slowed the Moon's rotation until it kept one face towards us.",
      "During a lunar eclipse the Moon turns red, because only red light reaches it through our atmosphere.",
      "The dark plains that we see on the Moon are old lava, and are called seas.",
      "By slight rocking, called libration, we see 59 percent of the surface in the course of a month.",
    ],
  },
  {
    id: "long",
    name: "Long documents",
    query: "what happens when the dough rests in the cold",
    split: "paragraphs",
    documents: [lighthouses, sourdough, gardens],
  },
];
