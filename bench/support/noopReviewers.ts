import { label } from '../../core/api/names.ts';
import { webhookConfigurations } from '../../test/system/webhookConfigurations.ts';
import { allow } from '../../webhook/review/decision.ts';
import { setEntries } from '../../webhook/review/jsonPatch.ts';
import { podOf } from '../../webhook/review/pod.ts';
import type { Reviewer } from '../../webhook/server/app.ts';

/**
 * What the label says of a pod about which nothing was decided. A pod with the label, whatever its value, is not sent to the second and
 * third webhook, so there are as many calls as with ours; `true` would have our webhooks and the controller follow the pod.
 */
export const noopLabel = 'noop';

const labelPods: Reviewer = request => {
  if (request.kind.kind !== 'Pod') return allow();
  const { labels } = podOf(request).pod.metadata;
  return allow({ patch: setEntries(['metadata', 'labels'], labels, { [label.injected]: noopLabel }) });
};

/** At every path that the installed configurations call: whatever comes is allowed. */
export const noopReviewers: Readonly<Record<string, Reviewer>> = Object.fromEntries(
  webhookConfigurations({ port: 0, caCertificate: '' }).flatMap(({ kind, webhooks = [] }) =>
    webhooks.map(({ clientConfig }) => [
      new URL(clientConfig.url ?? '').pathname,
      kind === 'MutatingWebhookConfiguration' ? labelPods : (): ReturnType<Reviewer> => allow(),
    ]),
  ),
);
