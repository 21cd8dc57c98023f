import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { privateApt } from '../../build/apt.ts';
import { cached } from '../../build/cacheDir.ts';
import { step } from '../../build/progress.ts';
import { run } from '../../build/run.ts';

const programs = ['kube-apiserver', 'kube-scheduler', 'kube-controller-manager', 'kubelet'];
const reflect2 = 'github.com/modern-go/reflect2';
/** Two copies of the validator of custom resources. */
const validators = ['github.com/go-openapi/validate/type.go', 'k8s.io/kube-openapi/pkg/validation/validate/type.go'];
/** With this Go's reflect it is true of an empty string too, which then counts as null and is refused; upstream dropped it. */
const misjudged = ' || reflect.DeepEqual(reflect.Zero(reflect.TypeOf(data)), reflect.ValueOf(data))';
const openApi = 'pkg/generated/openapi/zz_generated.openapi.go';

/** Builds Kubernetes 1.20 from Debian's source package and returns the folder of its programs. */
export async function ensureKubernetes(): Promise<string> {
  return cached('kubernetes-1.20-2', folder =>
    step('building Kubernetes 1.20 from Debian’s source package, once for this machine (3 to 6 minutes)', async () => {
      const work = join(folder, 'work');
      await new KubernetesBuild(work).build(folder);
      rmSync(work, { recursive: true });
    }),
  );
}

/** One build, in GOPATH mode with Debian's own Go, since Debian's packages carry no module cache. */
class KubernetesBuild {
  readonly #work: string;
  readonly #source: string;
  readonly #debian: string;
  readonly #env: NodeJS.ProcessEnv;

  constructor(work: string) {
    const goRoot = join(work, 'debian/usr/lib/go-1.19');
    this.#work = work;
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
    const archive = await step('downloading Debian’s Go 1.19 and the source of Kubernetes (100 MB)', () =>
      this.#download(),
    );
    await this.#unpack(archive);
    this.#replaceReflect2();
    for (const validator of validators) this.#correct(validator);
    if (!existsSync(join(this.#source, openApi))) {
      await step('generating the OpenAPI definitions', () => this.#generateOpenApi());
    }
    const version = upstreamVersion(basename(archive));
    await step(`compiling ${programs.join(', ')} ${version}`, () => this.#compile(version));
    for (const program of programs) renameSync(join(this.#work, 'bin', program), join(into, program));
  }

  /** Returns the path of upstream's archive. */
  async #download(): Promise<string> {
    const apt = await privateApt(join(this.#work, 'apt'), { types: ['deb', 'deb-src'], suite: 'bookworm' });
    await apt.unpack(['golang-1.19-go', 'golang-1.19-src', 'golang-github-modern-go-reflect2-dev'], this.#debian);
    const folder = dirname(await apt.downloadSource('kubernetes', join(this.#work, 'source')));
    const archive = readdirSync(folder).find(file => file.includes('.orig.tar.'));
    if (archive === undefined) throw new Error('The source package kubernetes has no .orig.tar archive');
    return join(folder, archive);
  }

  async #unpack(archive: string): Promise<void> {
    mkdirSync(this.#source, { recursive: true });
    const unneeded = ['*/test/e2e*', '*_test.go', '*/CHANGELOG*', '*/translations/*'];
    const exclude = unneeded.map(pattern => `--exclude=${pattern}`);
    await run(['tar', '-xf', archive, '-C', this.#source, '--strip-components=1', ...exclude]);
  }

  /** The vendored 1.0.1 does not know this Go's maps: the API server would crash on the first custom resource. */
  #replaceReflect2(): void {
    const vendored = join(this.#source, 'vendor', reflect2);
    rmSync(vendored, { recursive: true });
    cpSync(join(this.#debian, 'usr/share/gocode/src', reflect2), vendored, { recursive: true });
    rmSync(join(vendored, 'go.mod'), { force: true });
  }

  #correct(validator: string): void {
    const path = join(this.#source, 'vendor', validator);
    const text = readFileSync(path, 'utf8');
    if (text.includes(misjudged)) writeFileSync(path, text.replace(misjudged, ''));
  }

  /** Debian's tarball lacks this one generated file. */
  async #generateOpenApi(): Promise<void> {
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
    const [major = '', minor = ''] = version.slice(1).split('.');
    const values = { gitVersion: version, gitMajor: major, gitMinor: minor, gitTreeState: 'clean' };
    const stamps = ['component-base/version', 'client-go/pkg/version'].flatMap(name =>
      Object.entries(values).map(([key, value]) => `-X k8s.io/kubernetes/vendor/k8s.io/${name}.${key}=${value}`),
    );
    const flags = ['-trimpath', '-tags', 'providerless dockerless', '-ldflags', ['-s', '-w', ...stamps].join(' ')];
    await this.#go(['install', ...flags, ...programs.map(name => `./cmd/${name}`)], { GOBIN: join(this.#work, 'bin') });
  }

  async #go(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<void> {
    await run(['setpriv', '--pdeathsig', 'KILL', 'go', ...args], { cwd: this.#source, env: { ...this.#env, ...env } });
  }
}

/** Debian's version "1.20.5+really1.20.2" is upstream's 1.20.2. */
function upstreamVersion(archive: string): string {
  const [, version] = /^kubernetes_(?:[\d.]+\+really)?(\d+\.\d+\.\d+)/.exec(archive) ?? [];
  if (version === undefined) throw new Error(`Cannot tell the version of Kubernetes from the file name ${archive}`);
  return `v${version}`;
}
