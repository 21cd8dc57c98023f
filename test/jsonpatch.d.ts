/** The npm package jsonpatch, which brings no types: RFC 6902 by code that is not ours. */
declare module 'jsonpatch' {
  const jsonpatch: {
    /** Returns the patched document; the given one stays as it is. Throws where an operation cannot be applied. */
    apply_patch<T>(document: T, patch: readonly object[]): T;
  };
  export default jsonpatch;
}
