import type { KubeClient } from '../../kube/api/client.ts';

/** How many requests the API server has answered to anybody, watches apart, as its metric `apiserver_request_total` says. */
export async function apiRequests(client: KubeClient): Promise<number> {
  const text = await client.request<string>('GET', '/metrics', { accept: 'text/plain' });
  const counters = text
    .split('\n')
    .filter(line => line.startsWith('apiserver_request_total{') && !line.includes('verb="WATCH"'));
  return counters.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}
