import { annotation, component } from '../../core/api/names.ts';
import { networkOwner } from '../../core/api/owner.ts';
import type { MultiNicNetwork } from '../../core/api/types.ts';
import { messageOf } from '../../core/errors.ts';
import { definedPlugin, isOurs, type NetAttachDef, netAttachDefOf } from '../../core/nad/netAttachDef.ts';
import { usesDevicePlugin } from '../../core/network/deviceResource.ts';
import { appliesTo } from '../../core/network/network.ts';
import type { DefinitionsState } from '../../core/status/definitions.ts';
import { ApiError, isLostRace, isNotFound } from '../../kube/api/errors.ts';
import {
  type Namespace,
  type NetworkAttachmentDefinition,
  networkAttachmentDefinitions,
} from '../../kube/api/resources.ts';
import { keyOf, refOf } from '../../kube/api/types.ts';
import type { WorkResult } from '../../kube/process/workQueue.ts';
import type { LeaderContext } from '../context/leaderContext.ts';
import { networkDevices } from '../context/networkDevices.ts';
import type { OptionalResources } from '../context/optionalResources.ts';
import { readableNetwork } from '../context/readableNetwork.ts';

/** After a write that lost a race the copies will show why, and bring the key back; this is for when they do not. */
const recheckMs = 30_000;

/**
 * Keeps the NetworkAttachmentDefinition of each network in each namespace that it applies to. A key is one definition, so a namespace
 * that refuses one holds up no other.
 */
export class Definitions {
  readonly #context: LeaderContext;
  readonly #optional: OptionalResources;
  /** Why a definition could not be written, by network and namespace. */
  readonly #failures = new Map<string, Map<string, string>>();

  constructor(context: LeaderContext, optional: OptionalResources) {
    this.#context = context;
    this.#optional = optional;
  }

  /** Where the network's definitions stand. */
  state(object: MultiNicNetwork): DefinitionsState {
    const { name } = object.metadata;
    const foreign: string[] = [];
    let wanted = 0;
    let ready = 0;
    for (const namespace of this.#context.informers.namespaces.list()) {
      if (!isActive(namespace) || !appliesTo(object.spec, namespace.metadata.name)) continue;
      wanted++;
      const found = this.#optional.definitions.informer.get({ namespace: namespace.metadata.name, name });
      if (!found) continue;
      if (isOurs(found, name)) ready++;
      else foreign.push(namespace.metadata.name);
    }
    const failures = this.#failures.get(name) ?? new Map<string, string>();
    return { installed: this.#optional.definitions.installed, wanted, ready, foreign: foreign.sort(), failures };
  }

  /** @param key `namespace/network` */
  async reconcile(key: string, signal: AbortSignal): Promise<WorkResult> {
    const { namespace = '', name } = refOf(key);
    try {
      const result = await this.#reconcileOne(namespace, name, signal);
      this.#failures.get(name)?.delete(namespace);
      return result;
    } catch (error) {
      // Somebody was faster, or the namespace is being deleted: what the copies show next decides.
      if (isLostRace(error) || isNotFound(error) || isTerminating(error)) return { requeueAfterMs: recheckMs };
      const failures = this.#failures.get(name) ?? new Map<string, string>();
      this.#failures.set(name, failures.set(namespace, messageOf(error)));
      throw error;
    }
  }

  async #reconcileOne(namespace: string, name: string, signal: AbortSignal): Promise<WorkResult> {
    const { client, informers, view } = this.#context;
    const found = this.#optional.definitions.informer.get({ namespace, name });
    const place = informers.namespaces.get(namespace);
    if (!place || !isActive(place)) return {};
    const read = readableNetwork(view, name);
    if (read.kind === 'unusable') return {};
    const options = { signal, fieldManager: component.controller };
    if (read.kind === 'gone' || !appliesTo(read.known.object.spec, namespace)) {
      if (found && isOurs(found, name)) {
        const preconditions = { uid: found.metadata.uid };
        await client.delete(networkAttachmentDefinitions, found.metadata, { signal, preconditions });
      }
      return {};
    }
    const { network } = read.known.state;
    const devices = networkDevices(network, this.#optional);
    // One without the annotation would give pods no devices; what is there already stays as it is.
    if (devices.kind === 'unknown') return {};
    const wanted = netAttachDefOf(network, read.known.object, namespace, devices.resources);
    if (!found) await client.create(networkAttachmentDefinitions, wanted, options);
    else if (isOurs(found, name) && !isSame(found, wanted)) {
      await client.update(networkAttachmentDefinitions, mended(found, wanted), options);
    }
    return {};
  }
}

/** All definitions that the network has or should have, as keys. */
export function definitionKeys(network: string, namespaces: Iterable<Namespace>): string[] {
  return [...namespaces].map(({ metadata }) => keyOf({ namespace: metadata.name, name: network }));
}

/** Whether things can be made in the namespace. */
export function isActive({ metadata, status }: Namespace): boolean {
  return metadata.deletionTimestamp === undefined && status?.phase !== 'Terminating';
}

function isSame(found: NetworkAttachmentDefinition, wanted: NetAttachDef): boolean {
  const labels = Object.entries(wanted.metadata.labels ?? {});
  const annotations = mendedAnnotations(found, wanted);
  const [owner] = wanted.metadata.ownerReferences ?? [];
  return (
    found.spec?.config === wanted.spec.config &&
    labels.every(([key, value]) => found.metadata.labels?.[key] === value) &&
    annotations[annotation.resourceName] === found.metadata.annotations?.[annotation.resourceName] &&
    networkOwner(found.metadata)?.uid === owner?.uid
  );
}

/** Ours as it should be; labels and annotations that others added stay. */
function mended(found: NetworkAttachmentDefinition, wanted: NetAttachDef): NetworkAttachmentDefinition {
  const { ownerReferences = [], labels } = found.metadata;
  const others = ownerReferences.filter(owner => owner !== networkOwner(found.metadata));
  return {
    ...found,
    metadata: {
      ...found.metadata,
      labels: { ...labels, ...wanted.metadata.labels },
      annotations: mendedAnnotations(found, wanted),
      ownerReferences: [...others, ...(wanted.metadata.ownerReferences ?? [])],
    },
    spec: wanted.spec,
  };
}

/** With the wanted resource. If none is wanted, ours from before is removed; what a user wrote for a network without one from us stays. */
function mendedAnnotations(found: NetworkAttachmentDefinition, wanted: NetAttachDef): Record<string, string> {
  const { [annotation.resourceName]: before, ...others } = found.metadata.annotations ?? {};
  const resources = wanted.metadata.annotations?.[annotation.resourceName];
  if (resources !== undefined) return { ...others, [annotation.resourceName]: resources };
  const users = before !== undefined && !usesDevicePlugin(definedPlugin(found));
  return users ? { ...others, [annotation.resourceName]: before } : others;
}

/** 403 with the cause NamespaceTerminating: nothing is created in a namespace that is going. */
function isTerminating(error: unknown): boolean {
  return (
    error instanceof ApiError &&
    error.status === 403 &&
    (error.details.causes ?? []).some(({ reason }) => reason === 'NamespaceTerminating')
  );
}
