import { run } from '../../build/run.ts';

export interface Version {
  major: number;
  minor: number;
}

/** The version that a Kubernetes program says it has (`Kubernetes v1.20.2`). */
export async function kubernetesVersion(program: string): Promise<Version> {
  const { stdout } = await run([program, '--version']);
  const match = /v(\d+)\.(\d+)\./.exec(stdout);
  if (match === null)
    throw new Error(`${program} --version says "${stdout.trim()}", expected Kubernetes vMAJOR.MINOR.PATCH`);
  return { major: Number(match[1]), minor: Number(match[2]) };
}

/** Whether the version is 1.MINOR or older. */
export function isAtMost(version: Version, minor: number): boolean {
  return version.major === 1 && version.minor <= minor;
}
