// A process of its own that works on a FileStore: node file-rival.mjs <module of FileStore> <directory> count|lease
const [modulePath = '', root, task, rounds] = process.argv.slice(2);
const { FileStore } = await import(modulePath);
const store = new FileStore(root);
const id = 'key/wx1/access_token';

if (task === 'lease') {
  await store.lease(id, 60_000);
  process.stdout.write('holding\n');
  setInterval(() => undefined, 60_000);
} else {
  for (let done = 0; done < Number(rounds); ) {
    const [document] = await store.get([id]);
    const count = (document?.data.count ?? 0) + 1;
    if ((await store.set(id, { count }, document?.version ?? 0)) !== undefined) done += 1;
  }
  await store.close();
}
