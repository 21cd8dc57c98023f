import { expect } from 'chai';
import { annotation, label } from '../../core/api/names.ts';
import { unknownNameWarnings } from './unknownNames.ts';

const warnings = (annotations: Record<string, string>, labels: Record<string, string> = {}): string[] =>
  unknownNameWarnings({ annotations, labels });

describe('labels and annotations of a pod that nothing reads', () => {
  it('are reported, with those that there are', () => {
    expect(warnings({ 'multinic.fms.io/network': 'train' })).to.deep.equal([
      'annotation multinic.fms.io/network has no effect: pods have multinic.fms.io/networks and multinic.fms.io/best-effort',
    ]);
    expect(warnings({}, { 'multinic.fms.io/networks': 'train' })).to.deep.equal([
      'label multinic.fms.io/networks has no effect: pods have multinic.fms.io/injection, and annotations for networks',
    ]);
  });

  it('are reported for a value that is none', () => {
    expect(warnings({}, { [label.injection]: 'false' })).to.deep.equal([
      'label multinic.fms.io/injection: "false" has no effect: "disabled" leaves a pod alone',
    ]);
    expect(warnings({ [annotation.bestEffort]: 'yes' })).to.deep.equal([
      'annotation multinic.fms.io/best-effort: "yes" has no effect: write "true"',
    ]);
  });

  it('are not those of users, admission and agents', () => {
    const ours = Object.fromEntries(Object.values(annotation).map(name => [name, 'true']));
    const labels = { app: 'x', 'multinic.example/x': 'y', [label.injection]: 'enabled', [label.injected]: 'true' };
    expect(warnings(ours, labels)).to.deep.equal([]);
  });

  it('are reported briefly, however many there are', () => {
    const many = Object.fromEntries(
      Array.from({ length: 500 }, (_, i) => [`multinic.fms.io/${i}${'x'.repeat(900)}`, '']),
    );
    const texts = warnings(many);
    expect(texts).to.have.length(4);
    expect(texts[3]).to.equal('annotations: 497 more have no effect');
    expect(texts.join('').length).to.be.lessThan(600);
  });
});
