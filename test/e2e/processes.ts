import { readdirSync, readFileSync } from 'node:fs';

/** Ends the program of a pod as a crash would: of a container that knows its pod by the variable POD_NAME. */
export function killProgram(pod: string): void {
  const found = readdirSync('/proc').filter(pid => /^\d+$/.test(pid) && environmentOf(pid).includes(`POD_NAME=${pod}`));
  if (found.length === 0) throw new Error(`No program of pod ${pod} runs on this machine`);
  for (const pid of found) process.kill(Number(pid), 'SIGKILL');
}

function environmentOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
  } catch {
    return []; // it has ended, or is the kernel's
  }
}
