import { expect } from 'chai';
import { isReservationFor, podDigest, reservationId } from './reservationId.ts';

describe('the id of a reservation', () => {
  const random = '6a3c9b1e-55b5-4b58-9d6c-0f3a7d1c2e4f';
  const pod = { namespace: 'team', name: 'worker-' };
  const id = reservationId(random, pod);

  it('is a UUID, and differs from pod to pod of one owner', () => {
    expect(id).to.match(/^6a3c9b1e-55b5-4b58-9d6c-[0-9a-f]{12}$/);
    expect(reservationId('00000000-55b5-4b58-9d6c-0f3a7d1c2e4f', pod)).to.not.equal(id);
  });

  it('is for the pod that it was made for, in whatever round of its admission', () => {
    expect(isReservationFor(id, { ...pod })).to.equal(true);
  });

  it('is not for a copy, nor what anybody made up', () => {
    expect(isReservationFor(id, { namespace: 'team', name: 'worker-x7x2z' })).to.equal(false);
    expect(isReservationFor(id, { namespace: 'other', name: 'worker-' })).to.equal(false);
    for (const text of ['', random, id.toUpperCase(), `${id} `, '-']) {
      expect(isReservationFor(text, pod), text).to.equal(false);
    }
  });

  it('is, where it was made before the pod was known, for the pod whose digest came along', () => {
    const other = { namespace: 'team', name: 'other-' };
    expect(isReservationFor(random, pod)).to.equal(false);
    expect(isReservationFor(random, pod, podDigest(pod))).to.equal(true);
    expect(isReservationFor(random, other, podDigest(pod))).to.equal(false);
    expect(isReservationFor('anything', pod, podDigest(pod))).to.equal(false);
  });
});
