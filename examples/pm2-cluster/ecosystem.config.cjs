// #region ecosystem
module.exports = {
  apps: [
    {
      name: 'shop',
      script: './dist/server.js',
      exec_mode: 'cluster',
      instances: 'max',
      kill_timeout: 20_000, // close() may take 17 s
    },
  ],
};
// #endregion
