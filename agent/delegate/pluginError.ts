import { CniError } from '../../core/cni/error.ts';

/** Another plugin could not be called, or failed with words of its own. */
export class PluginError extends CniError {
  /** Its own words, without our mention of plugin and verb; '' if it had none, as it was ended. */
  readonly words: string;

  constructor(code: number, msg: string, details: string, options: ErrorOptions & { readonly words: string }) {
    super(code, msg, details, options);
    this.words = options.words;
  }
}

/** Whether a plugin failed with words of its own, so that it came to its end. */
export function hasWords(error: unknown): boolean {
  return error instanceof PluginError && error.words !== '';
}

/** Whether two calls of a plugin, with whatever verbs, failed with the same words. */
export function saysTheSame(one: unknown, other: unknown): boolean {
  return one instanceof PluginError && other instanceof PluginError && one.words !== '' && one.words === other.words;
}

/** A plugin had to be ended. */
export class PluginHung extends CniError {}
