import { component } from '../api/names.ts';
import { type ErrorCode, errorTable } from '../errors.ts';
import type { Line, PodWarning } from './facts.ts';

/** So many of them are told: the last ones. */
const mostTold = 3;

const ours: ReadonlySet<string> = new Set(Object.values(component));

/**
 * The last Warnings about the pod that are of the system, or about its sandbox or resources of ours, the newest first.
 * @param isOver the pod has its NICs by now
 */
export function warningLines(warnings: readonly PodWarning[], isOver: boolean): Line[] {
  const concerning = warnings.filter(
    ({ component: by, reason, message }) =>
      ours.has(by) || reason === 'FailedCreatePodSandBox' || /MNN_|multinic\.fms\.io/.test(message),
  );
  const kind = isOver ? 'fact' : 'problem';
  concerning.sort((a, b) => (a.last < b.last ? 1 : -1));
  return concerning.slice(0, mostTold).map(({ reason, message, count, last }): Line => {
    const code = /\bMNN_[A-Z_]+/.exec(message)?.[0];
    const fix = code !== undefined && isCode(code) ? errorTable[code] : undefined;
    // Our own messages end with what to do.
    const text = fix === undefined ? message : message.replace(fix, '').trimEnd();
    const times = count > 1 ? `, ${count} times` : '';
    return { about: `event ${reason}`, kind, text: `${last}${times}: ${text}`, ...(fix && { fix }) };
  });
}

function isCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorTable, code);
}
