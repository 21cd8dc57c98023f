import type { Writer } from './attributes.ts';
import type { Context } from './context.ts';
import { keepsAddress, keepsRoute, keepsRule } from './filters.ts';
import { listAddresses, listLinks } from './restlessLists.ts';
import { parseRoute } from './route.ts';
import { writeRouteDump } from './routeRequests.ts';
import { parseRule, writeRuleDump } from './rule.ts';
import type { NetlinkSocket } from './socket.ts';
import type { AddressList, LinkList, Result, RouteList, RuleList } from './types.ts';

export type ListOp = LinkList | AddressList | RouteList | RuleList;

/** Runs a list operation. Filters here too: the kernel's own filters came late (4.20) and only for some of them. */
export async function runList(socket: NetlinkSocket, writer: Writer, op: ListOp, context: Context): Promise<Result> {
  const dump = <Item>(
    write: (sequence: number) => void,
    parse: (payload: Buffer) => Item | undefined,
    keep: (item: Item) => boolean,
  ): Promise<Item[]> =>
    socket.dump(
      sequence => {
        writer.truncate(0);
        write(sequence);
        return writer.bytes();
      },
      payload => {
        const item = parse(payload);
        return item !== undefined && keep(item) ? item : undefined;
      },
    );
  const dev = 'dev' in op && op.dev !== undefined ? context.linkIndex(op.dev) : undefined;
  switch (op.op) {
    case 'link.list':
      return listLinks(socket, writer);
    case 'address.list':
      return listAddresses(socket, writer, op, item => keepsAddress(op, dev, item));
    case 'route.list':
      return dump(
        sequence => writeRouteDump(writer, sequence, op, context),
        parseRoute,
        item => keepsRoute(op, dev, item),
      );
    case 'rule.list':
      return dump(
        sequence => writeRuleDump(writer, sequence, op),
        parseRule,
        item => keepsRule(op, item),
      );
  }
}
