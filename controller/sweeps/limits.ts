/** What one release may take. */
export const releaseTimeoutMs = 10_000;
