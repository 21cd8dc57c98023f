import { type ErrorCode, errorTable } from '../errors.ts';

/** Something to say about a field: `error` refuses the object, `warning` is shown and lets it pass. */
export interface Finding {
  severity: 'error' | 'warning';
  code: ErrorCode;
  /** Field path as Kubernetes writes it, for example spec.masterNets[1]. */
  path: string;
  /** What is wrong there, with the value that was found. */
  detail: string;
}

/** A finding for which the object is refused. */
export function error(code: ErrorCode, path: string, detail: string): Finding {
  return { severity: 'error', code, path, detail };
}

/** A finding that is told, and refuses nothing. */
export function warning(code: ErrorCode, path: string, detail: string): Finding {
  return { severity: 'warning', code, path, detail };
}

/** One line for a person: `spec.subnet: what was wrong. what to do (CODE)`. */
export function describe({ code, path, detail }: Finding): string {
  return `${path}: ${detail}. ${errorTable[code]} (${code})`;
}
