import type { EventLog } from './eventLog.ts';

/** An answer of the API server. */
export interface ApiAnswer {
  status: number;
  body: object;
}

/** A request to the API server. */
export interface ApiCall {
  method: string;
  /** Path and query. */
  url: string;
  accept: string;
  body: unknown;
}

/** What answers requests behind the scheduler: the stub, or a real API server. */
export interface ApiBackend {
  readonly log: EventLog;
  /** @param staleBy of a read that may be answered from the watch cache: so many versions old */
  call(request: ApiCall, staleBy?: number): Promise<ApiAnswer>;
}

/** A meta/v1 Status. */
export function failure(code: number, reason: string, message: string): ApiAnswer {
  return { status: code, body: { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message } };
}
