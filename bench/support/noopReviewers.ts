import { label } from '../../core/api/names.ts';
import { webhookConfigurations } from '../../test/system/webhookConfigurations.ts';
import type { Reviewer } from '../../webhook/app.ts';
import { allow } from '../../webhook/decision.ts';
import { setEntries } from '../../webhook/jsonPatch.ts';
import { podOf } from '../../webhook/pod.ts';

/**
 * What the label says of a pod about which nothing was decided. Having the label at all keeps the API server from asking again, so it
 * calls as often as it does for ours; `true` would make the pod one of ours, which our webhooks and the controller follow.
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
