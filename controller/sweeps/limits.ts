/** What one release may take, ms. None begins after the term has ended. */
export const releaseTimeoutMs = 10_000;
