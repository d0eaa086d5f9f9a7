-- Sessions that are open end by themselves; nobody can open another one.
DROP ROLE IF EXISTS "{{name}}";
