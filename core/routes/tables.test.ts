import { expect } from 'chai';
import fc from 'fast-check';
import { assignTables, firstTable, isOwnTable } from './tables.ts';

const names = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,6}$/), { maxLength: 30 });
const users = names.map(list => list.map((name, i) => ({ name, subnets: [`10.${i}.0.0/16`] })));

describe('assignTables', () => {
  it('gives each network a table of our range that nothing else uses, the same in any order', () => {
    fc.assert(
      fc.property(users, fc.array(fc.nat(0xffff)), (networks, taken) => {
        const foreign = new Set(taken.map(offset => firstTable + offset));
        const tables = assignTables(networks, [], foreign);
        expect(tables.size).to.equal(networks.length);
        expect(new Set(tables.values()).size).to.equal(networks.length);
        for (const table of tables.values()) expect(isOwnTable(table) && !foreign.has(table)).to.equal(true);
        expect(assignTables(networks.toReversed(), [], foreign)).to.deep.equal(tables);
      }),
    );
  });

  it('keeps the table that the rules of a network already lead to, whichever networks come or go', () => {
    fc.assert(
      fc.property(users, fc.nat(0xffff), (networks, offset) => {
        fc.pre(networks.length > 1);
        const [first] = networks;
        const rules = [{ from: first!.subnets[0]!, table: firstTable + offset }];
        expect(assignTables(networks, rules, new Set()).get(first!.name)).to.equal(firstTable + offset);
        expect(assignTables([first!], rules, new Set()).get(first!.name)).to.equal(firstTable + offset);
      }),
    );
  });

  it('passes over a table that is taken', () => {
    const network = { name: 'train', subnets: ['10.0.0.0/16'] };
    const [table = 0] = assignTables([network], [], new Set()).values();
    expect([...assignTables([network], [], new Set([table, table + 1])).values()]).to.deep.equal([table + 2]);
  });
});
