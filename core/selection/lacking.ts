/** How many nodes per reason, and how many reasons, are named. */
const shownNodes = 3;
const shownReasons = 4;

/**
 * What nodes lack, in words, most frequent first.
 * @param lacking by what they lack, their names
 */
export function lackingText(lacking: ReadonlyMap<string, readonly string[]>): string {
  const reasons = [...lacking].sort(([, a], [, b]) => b.length - a.length);
  const shown = reasons.slice(0, shownReasons).map(([lacks, nodes]) => {
    const names = nodes.toSorted().slice(0, shownNodes).join(', ');
    const more = nodes.length > shownNodes ? ` and ${nodes.length - shownNodes} more` : '';
    return `${names}${more} ${nodes.length === 1 ? 'lacks' : 'lack'} ${lacks}`;
  });
  const rest = reasons.length - shown.length;
  return [...shown, ...(rest > 0 ? [`${rest} more reasons`] : [])].join('; ');
}
