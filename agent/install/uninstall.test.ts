import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import pino from 'pino';
import { uninstalledMark } from '../../core/cni/wire.ts';
import { AnsweringServer, answerJson } from '../../test/answeringServer.ts';
import { Checkpoint } from '../checkpoint/checkpoint.ts';
import type { Netlink } from '../netlink/netlink.ts';
import { Installation } from './installation.ts';
import { leave } from './uninstall.ts';

describe('An uninstallation', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'multi-nic-uninstall-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  it('leaves what a pod needs to end whose attachment cannot be read', async () => {
    const file = join(folder, 'attachments', 'c0ffee@net1@train.json');
    mkdirSync(join(folder, 'attachments'));
    writeFileSync(file, '{"version":1,"state":"do');
    const cniBinDir = join(folder, 'bin');
    mkdirSync(cniBinDir);
    const executable = join(cniBinDir, 'multi-nic');
    writeFileSync(executable, '');
    const logger = pino({ enabled: false });
    const checkpoint = await Checkpoint.open(folder, logger);
    await using server = await AnsweringServer.start((_, response) => {
      answerJson(response, 404, { kind: 'Status', reason: 'NotFound' });
    });
    const installation = new Installation(server.client, 'multi-nic-system', logger);
    const socket = join(folder, 'cni.sock');
    const installed = { socket, stateDir: folder, cniBinDir, chain: undefined };
    // What is in the kernel is not touched either: there is none.
    await leave(installation, installed, { netlink: {} as Netlink, checkpoint, logger });
    expect([file, executable, uninstalledMark(socket)].map(existsSync)).to.deep.equal([true, true, true]);
  });
});
