/** Says, as JSON, which API server to use: set where the tests run in User-Mode Linux, by test/uml/agent.test.ts. */
export const outsideApiVariable = 'MULTI_NIC_TEST_API';

/** Whether this process runs in User-Mode Linux: everything takes many times longer, the more so on a busy machine. */
export const isInside = process.env[outsideApiVariable] !== undefined;

/** For one test with hosts. */
export const testTimeoutMs = isInside ? 600_000 : 240_000;
