// A page of components that share a connection and a room; `StrictMode` runs each of their effects twice.
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { Client } from "twinwire";

import { Page } from "./page.js";

// Counts the subscriptions that were left, for the test.
const page = Object.assign(window, { left: 0 });
const { subscribe } = Client.prototype as any;
Client.prototype.subscribe = function (...given: unknown[]) {
  const subscription = subscribe.apply(this, given);
  const leave = subscription.return;
  subscription.return = () => {
    page.left += 1;
    return leave.call(subscription);
  };
  return subscription;
};

createRoot(document.body).render(
  <StrictMode>
    <Page />
  </StrictMode>,
);
