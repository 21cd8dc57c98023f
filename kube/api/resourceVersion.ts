/**
 * Whether one resourceVersion is older than another: the API server says this of whole numbers only (kubernetes.io, "Resource versions").
 * @returns undefined where they cannot be compared
 */
export function isOlderVersion(one: string | undefined, other: string | undefined): boolean | undefined {
  if (!isNumber(one) || !isNumber(other)) return undefined;
  return BigInt(one) < BigInt(other);
}

function isNumber(version: string | undefined): version is string {
  return version !== undefined && /^\d+$/.test(version);
}
