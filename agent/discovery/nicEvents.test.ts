import { expect } from 'chai';
import type { MonitorAction, MonitorEvent } from '../netlink/events.ts';
import type { AddressInfo, LinkInfo } from '../netlink/types.ts';
import { NicEvents } from './nicEvents.ts';

let nextIndex = 1;

function link(name: string, over: Partial<LinkInfo> = {}): LinkInfo {
  return {
    ...{ index: nextIndex++, name, altNames: [], alias: null, hardwareType: 1, mac: '02:00:00:00:00:01' },
    ...{ permanentMac: null, mtu: 1500, up: true, lowerUp: true, loopback: false, kind: null, parentIndex: null },
    ...{ linkNetnsId: null, master: null, masterKind: null, parentDevice: null, ipvlan: null, macvlan: null },
    ...over,
  };
}

function addressOf({ index }: LinkInfo): AddressInfo {
  const known = { scope: 'global', flags: 0x80, permanent: true, dadFailed: false } as const;
  return { family: 4, dev: index, address: '10.7.0.1/24', ...known };
}

function told(about: LinkInfo, action: MonitorAction = 'new'): MonitorEvent {
  return { type: 'link', action, link: about };
}

/** As after a reading of these links, of which the first has an address. */
function eventsOf(...links: LinkInfo[]): NicEvents {
  const events = new NicEvents();
  events.haveRead({ links, addresses: links.slice(0, 1).map(addressOf), routes: [] });
  return events;
}

describe('NicEvents', () => {
  it('are those of a bond’s ports, too, whose speed it has', () => {
    const bond = link('bond0', { kind: 'bond' });
    const port = link('eth1', { kind: 'veth', master: bond.index, masterKind: 'bond' });
    const alone = link('eth2', { kind: 'veth' });
    const events = eventsOf(bond, port, alone);
    expect(events.isConcernedBy(told({ ...port, lowerUp: false })), 'port').to.equal(true);
    expect(events.isConcernedBy(told({ ...port, master: null })), 'left').to.equal(true);
    expect(events.isConcernedBy(told({ ...alone, lowerUp: false })), 'alone').to.equal(false);
    expect(events.isConcernedBy(told({ ...alone, master: bond.index })), 'joined').to.equal(true);
  });

  it('are those of the ports of a bond that only carries VLANs', () => {
    const bond = link('bond0', { kind: 'bond' });
    const vlan = link('bond0.7', { kind: 'vlan', parentIndex: bond.index });
    const port = link('eth1', { master: bond.index, masterKind: 'bond' });
    expect(eventsOf(vlan, bond, port).isConcernedBy(told(port))).to.equal(true);
  });

  it('are a virtual function’s coming and going, for its NIC’s count, and nothing else of it', () => {
    const nic = link('eth1');
    const virtual = link('eth1v0');
    expect(eventsOf(nic).isConcernedBy(told(virtual)), 'comes').to.equal(true);
    const events = eventsOf(nic, virtual);
    expect(events.isConcernedBy(told({ ...virtual, up: false })), 'changes').to.equal(false);
    expect(events.isConcernedBy(told(virtual, 'del')), 'goes').to.equal(true);
  });

  it('are not lost of a link that is found to be a NIC by the reading under way', () => {
    const nic = link('eth1', { kind: 'veth' });
    const read = { links: [nic], addresses: [addressOf(nic)], routes: [] };
    for (const changed of [true, false]) {
      const events = eventsOf(link('eth0'), nic);
      events.begin();
      if (changed) events.isConcernedBy(told({ ...nic, lowerUp: false }));
      expect(events.haveRead(read)).to.equal(changed);
    }
  });
});
