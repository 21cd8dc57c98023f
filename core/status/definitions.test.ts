import { expect } from 'chai';
import { type DefinitionsState, definitionsSummary, type DevicesProblem } from './definitions.ts';

describe('definitionsSummary', () => {
  const state: DefinitionsState = { installed: true, wanted: 2, ready: 2, foreign: [], failures: new Map() };
  const configStatus = (change: Partial<DefinitionsState>) =>
    definitionsSummary({ ...state, ...change }, undefined).configStatus;

  it('is a success with all definitions, and in a cluster without the resource', () => {
    expect(configStatus({})).to.equal('Success');
    expect(configStatus({ installed: false, ready: 0 })).to.equal('Success');
  });

  it('waits for what will be written', () => {
    expect(configStatus({ ready: 1 })).to.equal('WaitForConfig');
    expect(configStatus({ ready: 1, failures: new Map([['a', 'forbidden']]) })).to.equal('WaitForConfig');
    expect(configStatus({ wanted: 3, ready: 1, foreign: ['a'] })).to.equal('WaitForConfig');
  });

  it('names the namespaces that have somebody else’s definition, and fails only where all have', () => {
    const { condition, configStatus: some } = definitionsSummary({ ...state, ready: 1, foreign: ['a'] }, undefined);
    expect(some).to.equal('Success');
    expect(condition).to.deep.include({ status: 'True', reason: 'NameTaken' });
    expect(condition.message).to.match(/^in 1 of 2 namespaces; a: a NetworkAttachmentDefinition .* not ours/);
    expect(configStatus({ ready: 0, foreign: ['a', 'b'] })).to.equal('Failed');
  });

  it('fails without a resource of devices, and waits for the objects that make them', () => {
    const devices = (reason: DevicesProblem['reason']) => ({ devices: { reason, message: 'list the devices' } });
    expect(configStatus({ installed: true, ready: 2, ...devices('NoDeviceResource') })).to.equal('Failed');
    expect(configStatus({ installed: false, ...devices('SriovObjectsMissing') })).to.equal('WaitForConfig');
  });

  it('lets the stored condition stand while a new leader does not know', () => {
    const { condition } = definitionsSummary({ ...state, ready: 0, foreign: ['a', 'b'] }, undefined);
    const unknown = { ...state, installed: undefined };
    expect(definitionsSummary(unknown, condition)).to.deep.equal({ condition, configStatus: 'Failed' });
    expect(definitionsSummary(unknown, undefined).condition.status).to.equal('Unknown');
  });
});
