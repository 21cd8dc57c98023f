import js from '@eslint/js';
import importSort from 'eslint-plugin-simple-import-sort';
import tseslint from 'typescript-eslint';

/**
 * The import layers: each folder and the folders that it may import. Everything else is refused, so the architecture is
 * what the folder list says. test/ and bench/ stand above all of it.
 */
const layers = {
  build: [],
  images: ['build'],
  core: [],
  certs: ['core'],
  cni: ['core'],
  kube: ['core'],
  webhook: ['core', 'kube', 'certs', 'controller'],
  controller: ['core', 'kube', 'certs'],
  agent: ['core', 'kube'],
  cli: ['core', 'kube'],
};

/** The same inside core/, kube/, webhook/, controller/ and agent/, from the bottom up: each folder may import those before it, and the files beside the folders. */
const innerLayers = {
  core: words(
    'net api annotation cni network layout delegate selection pod nad sriov routes pool status audit diagnosis predecessor validation',
  ),
  kube: words('api process watch report leader view pools grants audit diagnosis'),
  webhook: words('review server context networks pods'),
  controller: words('certificates context registration plan reconcilers sweeps'),
  agent: words(
    'base netlink checkpoint devices discovery routes copies probe delegate attach decision status inspection release cniServer install parts',
  ),
};

function words(text) {
  return text.split(' ');
}

const folders = [...Object.keys(layers), 'test', 'bench'];

const outsideOf = folder =>
  folders
    .filter(other => other !== folder && !layers[folder].includes(other))
    .map(other => ({
      // core/cni is core's own: from core/<folder>/ one step up is still inside.
      regex: folder === 'core' && other === 'cni' ? '^(\\.\\./){2,}cni/' : `^(\\.\\./)+${other}/`,
      message: `${folder}/ may import ${layers[folder].join(', ') || 'nothing else of the project'} only.`,
    }));

const noImports = (files, patterns) => ({
  files: [`${files}/**/*.ts`],
  ignores: ['**/*.test.ts'],
  rules: { 'no-restricted-imports': ['error', { patterns }] },
});

const layerRules = Object.keys(layers).flatMap(folder => [
  noImports(folder, outsideOf(folder)),
  {
    files: [`${folder}/**/*.ts`],
    ignores: ['**/*.test.ts'],
    rules: { 'no-console': folder === 'cli' ? 'off' : 'error' },
  },
]);

const innerLayerRules = Object.entries(innerLayers).flatMap(([top, inner]) =>
  inner.map((folder, i) => {
    const allowed = inner.slice(0, i).join(', ') || `no other folder of ${top}/`;
    const above = inner.slice(i + 1).map(other => ({
      regex: `^(\\.\\./)+${other}/`,
      message: `${top}/${folder}/ may import ${allowed} only.`,
    }));
    return noImports(`${top}/${folder}`, [...outsideOf(top), ...above]);
  }),
);

/** core/ is pure: no I/O, no clock, no randomness. */
const corePurity = {
  files: ['core/**/*.ts'],
  ignores: ['core/**/*.test.ts'],
  rules: {
    'no-restricted-globals': ['error', 'process', 'setTimeout', 'setInterval', 'fetch', 'performance'],
    'no-restricted-properties': [
      'error',
      { object: 'Date', property: 'now', message: 'core/ has no clock: take the time as an argument.' },
      { object: 'Math', property: 'random', message: 'core/ is deterministic: take randomness as an argument.' },
    ],
    'no-restricted-syntax': [
      'error',
      {
        selector: 'ImportDeclaration[source.value=/^node:(fs|net|http|https|child_process|os|worker_threads)/]',
        message: 'core/ does no I/O.',
      },
    ],
  },
};

export default tseslint.config(
  { ignores: ['dist/**', 'node_modules/**', '**/*.cjs'] },
  js.configs.recommended,
  ...tseslint.configs.recommendedTypeChecked,
  ...tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ['*.js'] },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    plugins: { 'import-sort': importSort },
    rules: {
      // From afar to near, without empty lines between.
      'import-sort/imports': ['error', { groups: [['^\\u0000', '^node:', '^@?\\w', '^\\.\\.', '^\\.']] }],
      complexity: ['error', 15],
      'max-depth': ['error', 4],
      'max-params': ['error', 5],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { ignoreUsingDeclarations: true }],
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/only-throw-error': 'error',
      // A promise that is returned unawaited from the scope of a `using` outlives what that disposes: a time limit, a connection.
      '@typescript-eslint/return-await': ['error', 'error-handling-correctness-only'],
    },
  },
  ...layerRules,
  ...innerLayerRules,
  corePurity,
  {
    files: ['**/*.test.ts', 'test/**/*.ts', 'bench/**/*.ts'],
    rules: {
      'no-console': 'off',
      '@typescript-eslint/no-unused-expressions': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/explicit-module-boundary-types': 'off',
      'max-params': 'off',
    },
  },
  { files: ['*.js'], extends: [tseslint.configs.disableTypeChecked] },
);
