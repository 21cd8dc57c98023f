import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Host } from './host.ts';

/**
 * A third party's plugin that moves devices of the host into pods, as `sriov` does, for those that no test machine has: it knows their links by
 * their PCI addresses, gives them back under their names, and does nothing where the pod's namespace is gone.
 * @param links of the host, by PCI address
 */
export function writeMovingPlugin(host: Host, type: string, links: Readonly<Record<string, string>>): void {
  const path = join(host.ownPlugins, type);
  const names = Object.entries(links).map(([device, link]) => `*'"deviceID":"${device}"'*) link=${link};;`);
  writeFileSync(
    path,
    `#!/bin/sh -e
case "$(cat)" in ${names.join(' ')} esac
pod="$(basename "$CNI_NETNS")"
case "$CNI_COMMAND" in
ADD)
  ip link set $link down
  ip link set $link name $CNI_IFNAME netns $pod
  ip -n $pod link set $CNI_IFNAME up
  echo '{"cniVersion":"1.0.0","interfaces":[{"name":"'$CNI_IFNAME'","sandbox":"'$CNI_NETNS'"}]}';;
DEL)
  test -n "$pod" || exit 0
  ip -n $pod link set $CNI_IFNAME down
  ip -n $pod link set $CNI_IFNAME name $link netns ${host.namespace.name};;
esac
`,
  );
  chmodSync(path, 0o755);
}
