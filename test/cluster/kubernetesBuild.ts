import { cpSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { Apt } from './apt.ts';
import { ensureArtifact, type Progress } from './artifact.ts';
import { run } from './run.ts';

const programs = ['kube-apiserver', 'kube-scheduler', 'kube-controller-manager', 'kubelet'];
const reflect2 = 'github.com/modern-go/reflect2';
const openApi = 'pkg/generated/openapi/zz_generated.openapi.go';

/** Builds Kubernetes 1.20 from Debian's source package and returns the folder of its programs. */
export async function ensureKubernetes(progress: Progress): Promise<string> {
  const what = 'Kubernetes 1.20 from Debian’s source package (3 to 6 minutes)';
  return ensureArtifact('kubernetes-1.20-1', what, progress, async folder => {
    const work = join(folder, 'work');
    await new KubernetesBuild(work, progress).build(folder);
    rmSync(work, { recursive: true });
  });
}

/** One build, in GOPATH mode with Debian's own Go, since Debian's packages carry no module cache. */
class KubernetesBuild {
  readonly #work: string;
  readonly #progress: Progress;
  readonly #source: string;
  readonly #debian: string;
  readonly #env: NodeJS.ProcessEnv;

  constructor(work: string, progress: Progress) {
    const goRoot = join(work, 'debian/usr/lib/go-1.19');
    this.#work = work;
    this.#progress = progress;
    this.#debian = join(work, 'debian');
    this.#source = join(work, 'go/src/k8s.io/kubernetes');
    this.#env = {
      ...process.env,
      LC_ALL: 'C',
      GOROOT: goRoot,
      GOPATH: join(work, 'go'),
      GOCACHE: join(work, 'go-cache'),
      GOENV: 'off',
      GOFLAGS: '',
      GO111MODULE: 'off',
      CGO_ENABLED: '0',
      PATH: `${join(goRoot, 'bin')}:${process.env.PATH ?? ''}`,
    };
  }

  async build(into: string): Promise<void> {
    const archive = await this.#download();
    await this.#unpack(archive);
    if (!existsSync(join(this.#source, openApi))) await this.#generateOpenApi();
    await this.#compile(upstreamVersion(basename(archive)));
    for (const program of programs) renameSync(join(this.#work, 'bin', program), join(into, program));
  }

  async #download(): Promise<string> {
    this.#progress('  downloading Debian’s Go 1.19 and the source of Kubernetes (about 100 MB)');
    const apt = new Apt(join(this.#work, 'apt'));
    await apt.update();
    await apt.unpack(['golang-1.19-go', 'golang-1.19-src', 'golang-github-modern-go-reflect2-dev'], this.#debian);
    return apt.source('kubernetes');
  }

  async #unpack(archive: string): Promise<void> {
    mkdirSync(this.#source, { recursive: true });
    const unneeded = ['*/test/e2e*', '*_test.go', '*/CHANGELOG*', '*/translations/*'];
    const exclude = unneeded.map(pattern => `--exclude=${pattern}`);
    await run(['tar', '-xf', archive, '-C', this.#source, '--strip-components=1', ...exclude]);
    // the vendored 1.0.1 does not know this Go's maps: the API server would crash on the first custom resource
    const vendored = join(this.#source, 'vendor', reflect2);
    rmSync(vendored, { recursive: true });
    cpSync(join(this.#debian, 'usr/share/gocode/src', reflect2), vendored, { recursive: true });
    rmSync(join(vendored, 'go.mod'), { force: true });
  }

  /** Debian's tarball lacks this one generated file. */
  async #generateOpenApi(): Promise<void> {
    this.#progress('  generating the OpenAPI definitions');
    const generator = join(this.#work, 'openapi-gen');
    await this.#go(['build', '-o', generator, './vendor/k8s.io/kube-openapi/cmd/openapi-gen']);
    const argv = [
      ...[generator, '--logtostderr', '-i', (await this.#openApiPackages()).join(',')],
      ...['-p', 'k8s.io/kubernetes/pkg/generated/openapi', '-O', 'zz_generated.openapi'],
      ...['-h', 'vendor/k8s.io/code-generator/hack/boilerplate.go.txt', '-r', join(this.#work, 'violations.txt')],
    ];
    await run(argv, { cwd: this.#source, env: this.#env });
  }

  /** The packages whose types are marked for OpenAPI, as Kubernetes' own makefiles find them. */
  async #openApiPackages(): Promise<string[]> {
    const grep = ['grep', '--include=*.go', '--exclude=*zz_generated*', '--files-with-matches', '--fixed-strings'];
    const search = async (flags: string[], folders: string[]): Promise<string[]> => {
      const { stdout } = await run([...grep, ...flags, '+k8s:openapi-gen=', ...folders], { cwd: this.#source });
      return stdout.trim().split('\n');
    };
    const files = await Promise.all([
      search(['--recursive'], ['cmd', 'pkg', 'plugin']),
      // links into staging/, to be followed
      search(['--dereference-recursive', '--exclude-dir=vendor'], ['vendor/k8s.io']),
    ]);
    const tools = /^vendor\/k8s\.io\/(code-generator|sample-apiserver|kube-openapi|gengo)\//;
    const folders = files
      .flat()
      .filter(file => !tools.test(file))
      .map(file => `k8s.io/kubernetes/${dirname(file)}`);
    return [...new Set(folders)].sort();
  }

  async #compile(version: string): Promise<void> {
    this.#progress(`  compiling ${programs.join(', ')} ${version}`);
    const [major = '', minor = ''] = version.slice(1).split('.');
    const values = { gitVersion: version, gitMajor: major, gitMinor: minor, gitTreeState: 'clean' };
    const stamps = ['component-base/version', 'client-go/pkg/version'].flatMap(name =>
      Object.entries(values).map(([key, value]) => `-X k8s.io/kubernetes/vendor/k8s.io/${name}.${key}=${value}`),
    );
    const flags = ['-trimpath', '-tags', 'providerless dockerless', '-ldflags', ['-s', '-w', ...stamps].join(' ')];
    await this.#go(['install', ...flags, ...programs.map(name => `./cmd/${name}`)], { GOBIN: join(this.#work, 'bin') });
  }

  async #go(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<void> {
    await run(['go', ...args], { cwd: this.#source, env: { ...this.#env, ...env } });
  }
}

/** Debian's version "1.20.5+really1.20.2" is upstream's 1.20.2. */
function upstreamVersion(archive: string): string {
  const [, version] = /^kubernetes_(?:[\d.]+\+really)?(\d+\.\d+\.\d+)/.exec(archive) ?? [];
  if (version === undefined) throw new Error(`Cannot tell the version of Kubernetes from the file name ${archive}`);
  return `v${version}`;
}
