import { expect } from 'chai';
import { hostName, largeCluster } from '../../bench/support/largeCluster.ts';
import { PlannedCluster } from '../../bench/support/plannedView.ts';
import { ownedBy } from '../../core/api/owner.ts';
import { RoutePlan } from './routePlan.ts';

describe('The routes of a network that was deleted and created again', () => {
  const { network, hosts, pages } = largeCluster(3, 1);
  const { name } = network.metadata;
  const cluster = new PlannedCluster();
  const setNetwork = (uid: string): void => {
    cluster.setNetwork({ ...network, metadata: { name, uid, generation: 1 } });
  };
  const setPages = (uid: string): void => {
    const ownerReferences = [ownedBy({ name, uid })];
    for (const page of pages) cluster.setPage({ ...page, metadata: { ...page.metadata, ownerReferences } });
  };

  it('are all looked at, where its pages are known before it, as two watches may tell', () => {
    for (const host of hosts) cluster.setHost(host);
    setNetwork('first');
    setPages('first');
    const changed = new Set<string>();
    cluster.view.addIndexListener(host => changed.add(host));
    const plan = new RoutePlan(cluster.view, hostName(0));
    expect(plan.renew()).to.equal(true);
    const routes = (): string[] => plan.all().flatMap(({ routes }) => [...routes].map(({ dst }) => dst));
    const before = routes();
    expect(before).to.have.length(2);
    setPages('second');
    expect(plan.renew()).to.equal(false);
    expect(plan.changes(changed).map(({ after }) => [...after])).to.deep.equal([[]]);
    changed.clear();
    setNetwork('second');
    // No host has changed since.
    expect(changed.size).to.equal(0);
    expect(plan.renew()).to.equal(true);
    expect(routes()).to.deep.equal(before);
  });
});
