import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import pino from 'pino';
import { Checkpoint } from '../../agent/checkpoint/checkpoint.ts';
import { audit } from '../../core/audit/audit.ts';
import { auditedPod } from '../../core/audit/readPod.ts';
import { auditedPool } from '../../core/audit/readPool.ts';
import type { AuditedNetwork } from '../../core/audit/types.ts';
import { addressesOf } from '../../core/audit/view.ts';
import { hostIndexes } from '../../core/layout/hostIndex.ts';
import { readNetwork } from '../../core/network/network.ts';
import { formatPool, readPool } from '../../core/pool/content.ts';
import { isHeldBy } from '../../core/pool/holder.ts';
import { routeBase } from '../../core/routes/desiredRoutes.ts';
import { NetworkPlan } from '../../core/routes/networkPlan.ts';
import { validateSpecification } from '../../core/validation/validate.ts';
import { previous } from './previousRelease.ts';
import type { Recording } from './recording.ts';

/** See record.ts. */
const recording = JSON.parse(
  readFileSync(join(import.meta.dirname, `recorded/${previous.version}.json`), 'utf8'),
) as Recording;

const indexesOf = (network: string): ReadonlyMap<string, number> =>
  hostIndexes(recording.cidrs.map(({ spec }) => spec).filter(spec => spec.network === network));

const networks = recording.networks.map((object): AuditedNetwork => ({
  network: readNetwork(object),
  interfaces: object.status?.interfaces ?? [],
  hostIndexes: indexesOf(object.metadata.name),
}));

describe(`what release ${previous.version} has written`, () => {
  it('is of that release, and not empty', () => {
    expect(recording.version).to.equal(previous.version);
    expect(recording.pods.length).to.be.greaterThan(1);
    expect(recording.pools.length).to.be.greaterThan(1);
    for (const { routes, checkpoint } of Object.values(recording.nodes)) {
      expect(routes).not.to.be.empty;
      expect(checkpoint).not.to.be.empty;
    }
  });

  it('networks are valid as they are stored', () => {
    for (const object of recording.networks) {
      const errors = validateSpecification(object).filter(({ severity }) => severity === 'error');
      expect(errors, object.metadata.name).to.deep.equal([]);
    }
  });

  it('pods, pools and networks agree', () => {
    const findings = audit(
      {
        pods: recording.pods.map(auditedPod),
        pools: recording.pools.map(auditedPool),
        networks: new Map(networks.map(one => [one.network.name, one])),
        nodes: new Map(recording.hosts.map(({ metadata }) => [metadata.name, true])),
      },
      { now: new Date(recording.recordedAt), graceMs: 0, reservationMs: 0 },
    );
    expect(findings).to.deep.equal([]);
  });

  it('a pod that asks again gets what it has', () => {
    const records = recording.pools.flatMap(pool => [...readPool(pool).allocations]);
    for (const { uid, reservation, namespace, name, attachments } of recording.pods.map(auditedPod)) {
      expect(attachments, name).to.have.length(recording.networks.length);
      for (const { interface: ifname, nics } of attachments) {
        const claimant = { podUID: uid, ...(reservation && { reservation }), namespace, name, interface: ifname };
        const held = records.find(record => isHeldBy(record, claimant));
        expect(addressesOf(held?.nics ?? []), name).to.deep.equal(addressesOf(nics));
      }
    }
  });

  it('pools are written again as they were read', () => {
    for (const pool of recording.pools) {
      const { status } = pool;
      expect(formatPool(readPool(pool)), pool.metadata.name).to.deep.include({
        allocations: status?.allocations,
        cursors: status?.cursors,
      });
    }
  });

  it('routes in the kernel are the wanted ones, so that none is touched', () => {
    for (const [node, { routes }] of Object.entries(recording.nodes)) {
      const specOf = (name: string) => recording.hosts.find(({ metadata }) => metadata.name === name)?.spec;
      const self = specOf(node);
      if (!self) throw new Error(`${node} has no HostInterface`);
      const wanted = networks.flatMap(({ network, interfaces, hostIndexes: indexes }) => {
        const plan = new NetworkPlan(routeBase(network, interfaces, self), node);
        plan.look({ hostIndexes: indexes, host: specOf });
        return [...plan.routes()].map(({ dst, gateway, device }) => `${dst} ${gateway} ${device}`);
      });
      const toOthers = routes.filter(route => route.split(' ')[1] !== '');
      expect(wanted.sort(), node).to.deep.equal(toOthers);
    }
  });

  it('checkpoints are taken up, every file', async () => {
    for (const { checkpoint: files } of Object.values(recording.nodes)) {
      const folder = mkdtempSync(join(tmpdir(), 'multi-nic-recorded-'));
      try {
        mkdirSync(join(folder, 'attachments'));
        for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, 'attachments', name), text);
        const entries = [...(await Checkpoint.open(folder, pino({ level: 'silent' }))).list()];
        expect(entries).to.have.length(Object.keys(files).length);
        for (const { pod, links } of entries) {
          const owner = recording.pods.find(({ metadata }) => metadata.uid === pod.uid);
          const given = new Set(owner && auditedPod(owner).attachments.flatMap(({ nics }) => addressesOf(nics)));
          expect(addressesOf(links).filter(address => !given.has(address))).to.deep.equal([]);
        }
      } finally {
        rmSync(folder, { recursive: true });
      }
    }
  });
});
