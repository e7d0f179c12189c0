// A question to the worker: the body of its answer, or a sentence for the reader that says why not.

const ANSWER_WITHIN_SECONDS = 5;

// Asked for by its ETag: what has not changed is not sent again.
const send = (address) => fetch(address, { signal: AbortSignal.timeout(ANSWER_WITHIN_SECONDS * 1000), cache: "no-cache" });

// Questions that were sent before their turn, by address.
const sent = new Map();

// Sends questions whose turn comes within seconds: each `ask` then finds its answer, or waits less.
export function askEarly(addresses) {
  for (const address of addresses) {
    const answer = send(address);
    // Whoever asks hears of it.
    answer.catch(() => {});
    sent.set(address, answer);
  }
  setTimeout(() => sent.clear(), ANSWER_WITHIN_SECONDS * 1000);
}

export async function ask(address) {
  let response;
  try {
    const early = sent.get(address);
    sent.delete(address);
    response = await (early ?? send(address));
  } catch (error) {
    throw new Error(error.name === "TimeoutError" ? `No response within ${ANSWER_WITHIN_SECONDS} seconds.` : "The worker cannot be reached.");
  }
  if (response.status === 401) {
    const refused = new Error("The worker wants its token: reload the page, and give it as the password.");
    refused.status = 401;
    throw refused;
  }
  const body = await response.json().catch(() => { throw new Error(`No JSON came, with status ${response.status}.`); });
  if (!response.ok) {
    const error = new Error(body.detail ?? `Status ${response.status}.`);
    error.status = response.status;
    throw error;
  }
  return body;
}
