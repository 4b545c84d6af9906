import { parseArgs } from 'node:util';
import { makeRelease } from './artefacts.ts';
import { currentVersion, setVersion } from './version.ts';

const HELP = `Makes a release: the chart, the protos and a list of what is in it, with checksums.

  npm run release                        the artefacts of the current version, in dist/
  npm run release -- --images            and the images, as OCI archives (buildah or docker; minutes)
  npm run release -- --version 0.2.0     writes a version everywhere it stands, and nothing else

  --out FOLDER    where the artefacts are written (default: dist)
  --allow-dirty   also with changes that are not committed`;

const { values } = parseArgs({
  options: {
    version: { type: 'string' },
    out: { type: 'string', default: 'dist' },
    images: { type: 'boolean', default: false },
    'allow-dirty': { type: 'boolean', default: false },
    help: { type: 'boolean' },
  },
});

if (values.help) console.log(HELP);
else if (values.version === undefined) {
  const { out, images, 'allow-dirty': allowDirty } = values;
  const files = makeRelease({ out, images, allowDirty });
  console.log(`release ${currentVersion()}:\n${files.map((file) => `  ${file}`).join('\n')}`);
} else {
  setVersion(values.version);
  console.log(`the version is ${values.version}; add a section to CHANGELOG.md, and commit`);
}
