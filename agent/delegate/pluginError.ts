import { CniError } from '../../core/cni/error.ts';

/** That another plugin could not be called, or what it said where it failed. */
export class PluginError extends CniError {
  /** Its own words, whatever verb they were said to; '' where it had none: somebody else ended it. */
  readonly words: string;

  constructor(code: number, msg: string, details: string, words: string, options?: ErrorOptions) {
    super(code, msg, details, options);
    this.words = words;
  }
}

/** Whether two calls of a plugin, of whatever verbs, failed with the same words. */
export function saysTheSame(one: unknown, other: unknown): boolean {
  return one instanceof PluginError && other instanceof PluginError && one.words !== '' && one.words === other.words;
}

/** That a plugin had to be ended. */
export class PluginHung extends CniError {}
