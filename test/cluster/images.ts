import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cached } from '../../build/cacheDir.ts';
import { run } from '../../build/run.ts';
import { dockerArchive } from '../../images/dockerArchive.ts';

/** The sandbox of every pod. */
export const pauseImage = 'docker.io/library/multi-nic-test-pause:1';

/** busybox with every applet under /bin; runs `sh -c ARGS`. Use it with imagePullPolicy: Never. */
export const boxImage = 'docker.io/library/multi-nic-test-box:1';

/** Of a pod that does nothing until it is told to end. */
export const idlePodSpec = {
  terminationGracePeriodSeconds: 1,
  containers: [
    {
      name: 'box',
      image: boxImage,
      imagePullPolicy: 'Never',
      command: ['/bin/busybox', 'sh', '-c', "trap 'exit 0' TERM; while :; do busybox sleep 1 & wait; done"],
    },
  ],
};

export interface Images {
  /** A static program that waits, reaps orphans as process 1 has to, and ends on SIGTERM. */
  pauseProgram: string;
  /** docker-archives that every node has. */
  archives: string[];
}

const pauseSource = `
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void end(int signal) { _exit(0); }
static void reap(int signal) { while (waitpid(-1, 0, WNOHANG) > 0) {} }

int main(void) {
  signal(SIGINT, end);
  signal(SIGTERM, end);
  signal(SIGCHLD, reap);
  reap(SIGCHLD);
  for (;;) pause();
}
`;

/** Compiles the pause program and packs both images, once. */
export async function ensureImages(busybox: string): Promise<Images> {
  const folder = await cached('images-1', async work => {
    const pause = join(work, 'pause');
    await run(['gcc', '-Os', '-static', '-x', 'c', '-o', pause, '-'], { input: pauseSource });
    const { stdout } = await run([busybox, '--list']);
    const links = stdout
      .trim()
      .split('\n')
      .filter(applet => applet !== 'busybox');
    writeFileSync(
      join(work, 'pause.tar'),
      dockerArchive({
        reference: pauseImage,
        entrypoint: ['/pause'],
        layers: [[{ path: 'pause', mode: 0o755, content: readFileSync(pause) }]],
      }),
    );
    writeFileSync(
      join(work, 'box.tar'),
      dockerArchive({
        reference: boxImage,
        entrypoint: ['/bin/sh', '-c'],
        layers: [
          [
            { path: 'bin/busybox', mode: 0o755, content: readFileSync(busybox) },
            ...links.map(applet => ({ path: `bin/${applet}`, linkTo: 'busybox' })),
            { path: 'etc/passwd', content: 'root:x:0:0:root:/root:/bin/sh\n' },
          ],
        ],
      }),
    );
  });
  return {
    pauseProgram: join(folder, 'pause'),
    archives: ['pause.tar', 'box.tar'].map(name => join(folder, name)),
  };
}
