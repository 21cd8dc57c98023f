const factors = { Kbps: 0.001, Mbps: 1, Gbps: 1000 } as const;

/**
 * A bandwidth as users write it, `<number>Gbps`, `Mbps` or `Kbps`, in Mbit/s: what promises are counted in. Parts of one are rounded up.
 * @returns undefined where the text is no bandwidth
 */
export function parseBandwidth(text: string): number | undefined {
  const match = /^(\d{1,9}(?:\.\d{1,6})?)(Gbps|Mbps|Kbps)$/.exec(text);
  if (!match) return undefined;
  // Rounded to a millionth before the step up, so that 0.3Gbps are 300 and not 301.
  return Math.ceil(Number((Number(match[1]) * factors[match[2] as keyof typeof factors]).toFixed(6)));
}

/** For people: 100000 as 100Gbps, 2500 as 2.5Gbps, 500 as 500Mbps. */
export function formatBandwidth(mbps: number): string {
  return mbps >= 1000 ? `${mbps / 1000}Gbps` : `${mbps}Mbps`;
}
