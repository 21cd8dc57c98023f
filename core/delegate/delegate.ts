import type { PluginConf } from './delegateConf.ts';

/**
 * Another plugin that has a part in one interface, and its configuration: `plugin` makes the interface (and asks its IPAM plugin itself),
 * `ipam` is the configuration's IPAM plugin, asked for the addresses of an interface that the agent makes, `chained` changes an interface that is there.
 */
export interface Delegate {
  readonly role: 'plugin' | 'ipam' | 'chained';
  readonly conf: PluginConf;
}
