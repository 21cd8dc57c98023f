import type { ReadIp } from '../../core/cni/readResult.ts';
import type { ResultInterface, ResultRoute } from '../../core/cni/result.ts';
import { tryParseAddress } from '../../core/net/address.ts';
import { contains, parseCidr } from '../../core/net/cidr.ts';
import { formatInterface } from '../../core/net/interfaceAddress.ts';
import type { DelegateResult } from '../delegate/delegates.ts';
import type { Attachment, AttachmentNic } from './attachment.ts';

/** The delegates' answers, by the name of the link that they were called for. */
export type Answers = ReadonlyMap<string, DelegateResult>;

/**
 * The attachment completed by its delegates' answers: addresses, gateways, routes and DNS. Routes of a plugin that makes interfaces exist
 * already; those of an IPAM plugin are still to be made.
 */
export function withAnswers(attachment: Attachment, answers: Answers): Attachment {
  if (answers.size === 0) return attachment;
  const told = attachment.nics.flatMap(({ name, delegate }) => {
    const result = answers.get(name)?.result;
    return delegate?.role === 'ipam' && result ? result.routes.map(route => withGateway(route, result.ips)) : [];
  });
  const dns = [attachment.dns, ...[...answers.values()].map(({ result }) => result.dns)];
  return {
    ...attachment,
    nics: attachment.nics.map(nic => withAnswer(nic, answers)),
    routes: [...attachment.routes, ...told],
    dns: dns.find(settings => Object.keys(settings).length > 0) ?? {},
  };
}

/** CNI 1.1, section 5 "routes": a route without a gateway takes that of the plugin's address, on the NIC of that address. */
function withGateway(route: ResultRoute, ips: readonly ReadIp[]): ResultRoute {
  if (route.gw !== undefined) return route;
  const family = route.dst.includes(':') ? 6 : 4;
  const found = ips.find(({ address, gateway = '' }) => {
    const parsed = tryParseAddress(gateway);
    return parsed?.family === family && contains(parseCidr(address), parsed);
  });
  return found?.gateway === undefined ? route : { ...route, gw: found.gateway };
}

/** Addresses of other interfaces that the delegate has made in the pod are not the NIC's. */
function withAnswer(nic: AttachmentNic, answers: Answers): AttachmentNic {
  const answer = answers.get(nic.name);
  if (!answer) return nic;
  const own = podInterface(answers, nic.name);
  const ips = answer.result.ips.filter(({ interface: at = -1 }) => {
    const of = answer.result.interfaces[at];
    return of === own || of?.sandbox === undefined;
  });
  return {
    ...nic,
    addresses: ips.map(({ address }) => formatInterface(address)),
    gateways: ips.flatMap(({ gateway }) => gateway ?? []),
  };
}

/** The interface in the pod that a delegate made for the link: the one of that name, else the first one in a sandbox. */
export function podInterface(answers: Answers, link: string): ResultInterface | undefined {
  const inPod = interfacesOf(answers, link).filter(({ sandbox }) => sandbox !== undefined);
  return inPod.find(({ name }) => name === link) ?? inPod[0];
}

/** What a delegate made on the host for the link. */
export function hostInterfacesOf(answers: Answers, link: string): ResultInterface[] {
  return interfacesOf(answers, link).filter(({ sandbox }) => sandbox === undefined);
}

function interfacesOf(answers: Answers, link: string): readonly ResultInterface[] {
  return answers.get(link)?.result.interfaces ?? [];
}
