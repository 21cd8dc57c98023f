/** The versions of the CNI specification that are spoken here, oldest first. */
export const supportedVersions = ['0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'] as const;

export type CniVersion = (typeof supportedVersions)[number];

/** The version to answer with where the caller named none. */
export const newestVersion: CniVersion = '1.1.0';

/** Whether a configuration's `cniVersion` is one that is spoken here. */
export function isSupportedVersion(version: unknown): version is CniVersion {
  return (supportedVersions as readonly unknown[]).includes(version);
}

/**
 * The `cniVersion` that a configuration names, whether supported or not; undefined where the text is not a JSON object or names none.
 * Answers echo it, so it is read before anything else is checked.
 */
export function versionOf(config: string): string | undefined {
  let document: unknown;
  try {
    document = JSON.parse(config);
  } catch {
    return undefined; // not JSON: the caller reports that with its own code
  }
  if (typeof document !== 'object' || document === null || !('cniVersion' in document)) return undefined;
  const { cniVersion } = document;
  return typeof cniVersion === 'string' && cniVersion !== '' ? cniVersion : undefined;
}

/** The answer to VERSION (CNI 1.1, section 2 "VERSION"), as it is printed. */
export function encodeVersionAnswer(config: string): string {
  return `${JSON.stringify({ cniVersion: versionOf(config) ?? newestVersion, supportedVersions })}\n`;
}
