import type { Writer } from './attributes.ts';
import { writeMessage } from './codec.ts';
import { mainTable, NLM_F, RTA, RTAX, RTM, RTNH_F } from './constants.ts';
import type { Context } from './context.ts';
import { afOf, writeRouteHeader } from './headers.ts';
import { routeTypes, scopeNumber } from './names.ts';
import { nextHopHeaderSize } from './route.ts';
import { InvalidArgument, parseAddress, parseNetwork } from './text.ts';
import type { Family, NextHop, Route, RouteChange, RouteList, Scope } from './types.ts';

/** RTPROT_STATIC (rtnetlink.h). */
const staticProtocol = 4;

const change = NLM_F.REQUEST | NLM_F.ACK;
const changes = {
  'route.add': { type: RTM.NEWROUTE, flags: change | NLM_F.CREATE | NLM_F.EXCL },
  'route.append': { type: RTM.NEWROUTE, flags: change | NLM_F.CREATE | NLM_F.APPEND },
  'route.replace': { type: RTM.NEWROUTE, flags: change | NLM_F.CREATE | NLM_F.REPLACE },
  'route.del': { type: RTM.DELROUTE, flags: change },
};

/** RTM_GETROUTE. Kernels since 4.20 filter by what is given; older ones send everything. */
export function writeRouteDump(writer: Writer, sequence: number, op: RouteList, context: Context): void {
  writeMessage(writer, { type: RTM.GETROUTE, flags: NLM_F.REQUEST | NLM_F.DUMP, sequence }, () => {
    writeRouteHeader(writer, { family: afOf(op.family), protocol: op.protocol ?? 0 });
    if (op.table !== undefined) writer.uint32(RTA.TABLE, op.table);
    if (op.dev !== undefined) writer.uint32(RTA.OIF, context.linkIndex(op.dev));
  });
}

/** Adds, replaces or deletes a route. */
export function writeRouteChange(writer: Writer, sequence: number, op: RouteChange, context: Context): void {
  const dst = parseNetwork(op.dst);
  const table = op.table ?? mainTable;
  const deletes = op.op === 'route.del';
  writeMessage(writer, { ...changes[op.op], sequence }, () => {
    writeRouteHeader(writer, {
      family: afOf(dst.family),
      dstLength: dst.prefixLength,
      table: table < 256 ? table : 0,
      // In a deletion 0, and the scope 'nowhere', match any.
      protocol: op.protocol ?? (deletes ? 0 : staticProtocol),
      scope: scopeNumber(op.scope ?? (deletes ? 'nowhere' : defaultScope(op))),
      type: routeTypes.number(op.type ?? 'unicast'),
      flags: op.onlink === true ? RTNH_F.ONLINK : 0,
    });
    if (dst.prefixLength > 0) writer.attribute(RTA.DST, dst.bytes);
    writer.uint32(RTA.TABLE, table);
    writeHop(writer, dst.family, op);
    if (op.dev !== undefined) writer.uint32(RTA.OIF, context.linkIndex(op.dev));
    if (op.src !== undefined) writer.attribute(RTA.PREFSRC, addressOf(dst.family, op.src));
    if (op.metric !== undefined) writer.uint32(RTA.PRIORITY, op.metric);
    writeMetrics(writer, op);
    const hops = op.nexthops;
    if (hops !== undefined) {
      writer.nest(RTA.MULTIPATH, () => {
        for (const hop of hops) writeNextHop(writer, dst.family, hop, context);
      });
    }
  });
}

function defaultScope(route: Route): Scope {
  if (route.type === 'local') return 'host';
  const direct = route.gateway === undefined && route.nexthops === undefined;
  return direct && (route.type ?? 'unicast') === 'unicast' ? 'link' : 'global';
}

function writeHop(writer: Writer, family: Family, hop: NextHop): void {
  if (hop.gateway === undefined) return;
  const gateway = parseAddress(hop.gateway);
  if (gateway.family === family) writer.attribute(RTA.GATEWAY, gateway.bytes);
  else writer.attribute(RTA.VIA, Buffer.from([afOf(gateway.family), 0, ...gateway.bytes]));
}

function writeMetrics(writer: Writer, { mtu, advmss }: Route): void {
  if (mtu === undefined && advmss === undefined) return;
  writer.nest(RTA.METRICS, () => {
    if (mtu !== undefined) writer.uint32(RTAX.MTU, mtu);
    if (advmss !== undefined) writer.uint32(RTAX.ADVMSS, advmss);
  });
}

function writeNextHop(writer: Writer, family: Family, hop: NextHop, context: Context): void {
  const weight = hop.weight ?? 1;
  if (!Number.isInteger(weight) || weight < 1 || weight > 256) {
    throw new InvalidArgument(`weight ${weight} is not between 1 and 256`);
  }
  const at = writer.reserve(nextHopHeaderSize);
  writer.setUint8(at + 2, hop.onlink === true ? RTNH_F.ONLINK : 0);
  writer.setUint8(at + 3, weight - 1);
  if (hop.dev !== undefined) writer.setUint32(at + 4, context.linkIndex(hop.dev));
  writeHop(writer, family, hop);
  writer.setUint16(at, writer.length - at);
}

function addressOf(family: Family, text: string): Uint8Array {
  const address = parseAddress(text);
  if (address.family !== family) throw new InvalidArgument(`"${text}" is not an IPv${family} address`);
  return address.bytes;
}
