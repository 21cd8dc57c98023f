import { createHash } from 'node:crypto';

/** Longest object name that the API server takes (DNS-1123 subdomain). */
const maxName = 253;

/** Name of the pool of one network on one node: `<network>.<node>`, its end hashed where it is too long or looks like a page. */
export function nodePoolName(network: string, node: string): string {
  return /^page\.\d+$/.test(node) ? hashed(`${network}.${node}`) : shortened(`${network}.${node}`);
}

/** Name of one page's pool of a node-independent network. */
export function pagePoolName(network: string, page: number): string {
  return shortened(`${network}.page.${page}`);
}

function shortened(name: string): string {
  return name.length <= maxName ? name : hashed(name);
}

function hashed(name: string): string {
  const digest = createHash('sha256').update(name).digest('hex').slice(0, 16);
  return `${name.slice(0, maxName - 17).replace(/[-.]+$/, '')}-${digest}`;
}
