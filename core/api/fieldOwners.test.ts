import { expect } from 'chai';
import { isSetByAlone } from './fieldOwners.ts';

describe('isSetByAlone', () => {
  const setBy = (manager: string, ...fields: string[]) => ({
    manager,
    fieldsV1: { 'f:spec': { '.': {}, ...Object.fromEntries(fields.map(field => [`f:${field}`, {}])) } },
  });
  const isOurs = (...managedFields: ReturnType<typeof setBy>[]): boolean =>
    isSetByAlone({ managedFields }, 'us', ['spec', 'linkState']);

  it('holds if the writer has set the field, whoever has set others', () => {
    expect(isOurs(setBy('us', 'linkState', 'vlan'), setBy('kubectl-edit', 'vlan'))).to.equal(true);
  });

  it('does not hold if others have set it as well or alone, or no owner is known', () => {
    expect(isOurs(setBy('us', 'linkState'), setBy('kubectl', 'linkState'))).to.equal(false);
    expect(isOurs(setBy('us', 'vlan'), setBy('kubectl', 'linkState'))).to.equal(false);
    expect(isOurs()).to.equal(false);
    expect(isSetByAlone({}, 'us', ['spec', 'linkState'])).to.equal(false);
  });
});
