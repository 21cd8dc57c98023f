import type { DelegateConf } from './delegateConf.ts';

/**
 * Another plugin that has a part in one interface, and its configuration: `plugin` makes the interface (and asks its IPAM plugin itself),
 * `ipam` is the configuration's IPAM plugin, asked for the addresses of an interface that the agent makes.
 */
export interface Delegate {
  readonly role: 'plugin' | 'ipam';
  readonly conf: DelegateConf;
}
