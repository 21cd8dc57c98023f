import { expect } from 'chai';
import {
  isReservationFor,
  isSameReservation,
  openReservationId,
  reservationId,
  reservationKey,
} from './reservationId.ts';

describe('the id of a reservation', () => {
  const random = '6a3c9b1e-55b5-4b58-9d6c-0f3a7d1c2e4f';
  const pod = { namespace: 'team', name: 'worker-' };
  const id = reservationId(random, pod);

  it('is a UUID, and differs from pod to pod of one owner', () => {
    expect(id).to.match(/^6a3c9b1e-55b5-4b58-9d6c-[0-9a-f]{12}$/);
    expect(reservationId('00000000-55b5-4b58-9d6c-0f3a7d1c2e4f', pod)).to.not.equal(id);
  });

  it('belongs to the pod that it was made for, in any round of its admission', () => {
    expect(isReservationFor(id, { ...pod })).to.equal(true);
  });

  it('is not for a copy, nor what anybody made up', () => {
    expect(isReservationFor(id, { namespace: 'team', name: 'worker-x7x2z' })).to.equal(false);
    expect(isReservationFor(id, { namespace: 'other', name: 'worker-' })).to.equal(false);
    for (const text of ['', random, id.toUpperCase(), `${id} `, '-']) {
      expect(isReservationFor(text, pod), text).to.equal(false);
    }
  });

  it('finds the record that was made before the pod came, and no other', () => {
    const recorded = openReservationId(random);
    expect(isSameReservation(recorded, id)).to.equal(true);
    expect(isSameReservation(id, id)).to.equal(true);
    const other = reservationId('00000000-55b5-4b58-9d6c-0f3a7d1c2e4f', pod);
    expect(isSameReservation(recorded, other)).to.equal(false);
    // Whoever reads the record and makes an id of it has nothing.
    expect(isSameReservation(recorded, reservationId(recorded, pod))).to.equal(false);
    expect(isSameReservation(reservationId(random, { ...pod, name: 'other' }), id)).to.equal(false);
  });

  it('leads from the pod to the record and back', () => {
    const recorded = { namespace: 'team', reservation: openReservationId(random) };
    expect(reservationKey({ namespace: 'team', reservation: id })).to.equal(reservationKey(recorded));
    expect(reservationKey({ namespace: 'other', reservation: id })).to.not.equal(reservationKey(recorded));
  });
});
